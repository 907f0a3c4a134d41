package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"time"
	"unsafe"

	"github.com/sirupsen/logrus"
	authentication "k8s.io/api/authentication/v1beta1"
	"sigs.k8s.io/aws-iam-authenticator/pkg/config"
	"sigs.k8s.io/aws-iam-authenticator/pkg/ec2provider"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper/dynamicfile"
	"sigs.k8s.io/aws-iam-authenticator/pkg/server"
	"sigs.k8s.io/aws-iam-authenticator/pkg/token"
)

// attempt is a ConfigMap, the prefixes of usernames that the server's configuration reserves, and callers who come
// with a token, one after the other. Modes are the backends in the order in which they are asked, by default
// EKSConfigMap alone. Entries is the content of the file of the backend DynamicFile.
type attempt struct {
	Data     map[string]string `json:"data"`
	Reserved []string          `json:"reserved"`
	Callers  []caller          `json:"callers"`
	Modes    []string          `json:"modes"`
	Entries  json.RawMessage   `json:"entries"`
}

// caller is what STS says of whoever made a token, and the access key that it was signed with.
type caller struct {
	ARN         string `json:"arn"`
	Account     string `json:"account"`
	UserID      string `json:"userID"`
	AccessKeyID string `json:"accessKeyID"`
}

// admission is what the webhook answers the API server. Where Error is not empty nobody is let in, and it is what the
// server logs as the reason.
type admission struct {
	Username     string   `json:"username"`
	Groups       []string `json:"groups"`
	CanonicalARN string   `json:"canonicalARN"`
	Error        string   `json:"error"`
}

// authenticate runs the real webhook from the token on: only AWS is played. STS says what the request says, and EC2
// knows the instance i-x as i-x.internal.
func authenticate(asked attempt) ([]admission, error) {
	if len(asked.Modes) == 0 {
		asked.Modes = []string{mapper.ModeEKSConfigMap}
	}
	chain := []mapper.Mapper{}
	for _, mode := range asked.Modes {
		loaded, err := load(asked, mode)
		if err != nil {
			return nil, err
		}
		chain = append(chain, loaded)
	}
	webhook := newWebhook(chain)
	admissions := []admission{}
	for _, caller := range asked.Callers {
		said, err := webhook.review(caller)
		if err != nil {
			return nil, err
		}
		admissions = append(admissions, said)
	}
	return admissions, nil
}

// load does what a backend does with a ConfigMap that its watch reports, or with its file.
func load(asked attempt, mode string) (mapper.Mapper, error) {
	reserved := map[string]config.ReservedPrefixConfig{mode: {UsernamePrefixReserveList: asked.Reserved}}
	switch mode {
	case mapper.ModeEKSConfigMap:
		return loadConfigMap(asked.Data, reserved)
	case mapper.ModeDynamicFile:
		return loadEntries(asked.Entries, reserved)
	default:
		return nil, fmt.Errorf("the mode %q is not known here", mode)
	}
}

// loadEntries reads entries that are found by the unique id of their principal, as those of EKS are.
func loadEntries(
	entries json.RawMessage, reserved map[string]config.ReservedPrefixConfig,
) (*dynamicfile.DynamicFileMapper, error) {
	loaded, err := dynamicfile.NewDynamicFileMapper(config.Config{
		DynamicFileUserIDStrict: true,
		ReservedPrefixConfig:    reserved,
	})
	if err != nil {
		return nil, err
	}
	return loaded, loaded.CallBackForFileLoad(entries)
}

func loadConfigMap(
	data map[string]string, reserved map[string]config.ReservedPrefixConfig,
) (*configmap.ConfigMapMapper, error) {
	loaded, err := configmap.NewConfigMapMapper(config.Config{
		Master:               "http://127.0.0.1:1", // never contacted: the mapper is not started
		ReservedPrefixConfig: reserved,
	})
	if err != nil {
		return nil, err
	}
	users, roles, accounts, _ := configmap.ParseMap(data)
	saveMap(loaded.MapStore, users, roles, accounts)
	return loaded, nil
}

//go:linkname saveMap sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap.(*MapStore).saveMap
func saveMap(*configmap.MapStore, []config.UserMapping, []config.RoleMapping, []string)

//go:linkname authenticateEndpoint sigs.k8s.io/aws-iam-authenticator/pkg/server.(*handler).authenticateEndpoint
func authenticateEndpoint(unsafe.Pointer, context.Context, http.ResponseWriter, *http.Request)

// webhook is the server's handler, whose type and fields it does not export.
type webhook struct {
	handler unsafe.Pointer
	// Go's garbage collector has to see the handler under its own type.
	value reflect.Value
}

func newWebhook(chain []mapper.Mapper) webhook {
	field, _ := reflect.TypeFor[server.Server]().FieldByName("internalHandler")
	value := reflect.New(field.Type.Elem())
	set(value.Elem().FieldByName("verifier"), token.NewVerifier("cluster", "aws", "us-east-1"))
	set(value.Elem().FieldByName("ec2Provider"), ec2provider.EC2Provider(instances{}))
	set(value.Elem().FieldByName("backendMapper").FieldByName("mappers"), chain)
	return webhook{value.UnsafePointer(), value}
}

func set(field reflect.Value, value any) {
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(value))
}

func (w webhook) review(by caller) (admission, error) {
	sts.caller = by
	reasons.last = ""
	body, err := json.Marshal(authentication.TokenReview{
		Spec: authentication.TokenReviewSpec{Token: tokenOf(by.AccessKeyID)},
	})
	if err != nil {
		return admission{}, err
	}
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/authenticate", bytes.NewReader(body))
	authenticateEndpoint(w.handler, context.Background(), recorder, request)
	var review authentication.TokenReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil {
		return admission{}, fmt.Errorf("the webhook answers %q: %w", recorder.Body, err)
	}
	status := review.Status
	if !status.Authenticated {
		return admission{Groups: []string{}, Error: reasons.last}, nil
	}
	canonical := status.User.Extra["canonicalArn"]
	return admission{status.User.Username, list(status.User.Groups), canonical[0], ""}, nil
}

// tokenOf is a token as a client makes it; nobody looks at the signature, because STS is played.
func tokenOf(accessKeyID string) string {
	now := time.Now().UTC()
	query := url.Values{
		"Action":              {"GetCallerIdentity"},
		"X-Amz-Credential":    {accessKeyID + now.Format("/20060102") + "/us-east-1/sts/aws4_request"},
		"X-Amz-Date":          {now.Format("20060102T150405Z")},
		"X-Amz-Expires":       {"60"},
		"X-Amz-SignedHeaders": {"host;x-k8s-aws-id"},
	}
	signed := "https://sts.us-east-1.amazonaws.com/?" + query.Encode()
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(signed))
}

// playedSTS answers every HTTP request of this program as STS answers GetCallerIdentity.
type playedSTS struct{ caller caller }

var sts = &playedSTS{}

func (s *playedSTS) RoundTrip(request *http.Request) (*http.Response, error) {
	result := map[string]string{"Account": s.caller.Account, "Arn": s.caller.ARN, "UserId": s.caller.UserID}
	body, err := json.Marshal(map[string]any{
		"GetCallerIdentityResponse": map[string]any{"GetCallerIdentityResult": result},
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}, Request: request,
	}, nil
}

// instances knows every EC2 instance.
type instances struct{}

func (instances) GetPrivateDNSName(_ context.Context, id string) (string, error) {
	return id + ".internal", nil
}

func (instances) StartEc2DescribeBatchProcessing(context.Context) {}

// reasonHook keeps why the server refused: it tells its log alone.
type reasonHook struct{ last string }

var reasons = &reasonHook{}

func (*reasonHook) Levels() []logrus.Level {
	return []logrus.Level{logrus.WarnLevel}
}

func (r *reasonHook) Fire(entry *logrus.Entry) error {
	if reason, ok := entry.Data[logrus.ErrorKey].(error); ok {
		r.last = reason.Error()
	}
	return nil
}
