// Times keikoproj/aws-auth as it adds a role, over client-go's fake clientset.
//
// Every line of standard input is a job, every line of standard output its outcome, both in JSON.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/keikoproj/aws-auth/pkg/mapper"
	v1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

type job struct {
	MapRoles string   `json:"mapRoles"`
	RoleARN  string   `json:"rolearn"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

type outcome struct {
	MapRoles    string `json:"mapRoles"`
	Nanoseconds int64  `json:"nanoseconds"`
}

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var todo job
		check(in.Decode(&todo))
		check(out.Encode(run(todo)))
	}
}

func run(todo job) outcome {
	object := &v1.ConfigMap{
		ObjectMeta: meta.ObjectMeta{Name: mapper.AwsAuthName, Namespace: mapper.AwsAuthNamespace},
		Data:       map[string]string{"mapRoles": todo.MapRoles},
	}
	client := fake.NewSimpleClientset(object)
	authMapper := mapper.New(client, false)
	arguments := &mapper.MapperArguments{
		MapRoles: true, RoleARN: todo.RoleARN, Username: todo.Username, Groups: todo.Groups, Append: true,
	}
	began := time.Now()
	err := authMapper.Upsert(arguments)
	took := time.Since(began)
	check(err)
	configMaps := client.CoreV1().ConfigMaps(mapper.AwsAuthNamespace)
	written, err := configMaps.Get(context.Background(), mapper.AwsAuthName, meta.GetOptions{})
	check(err)
	return outcome{written.Data["mapRoles"], took.Nanoseconds()}
}

func check(err error) {
	if err != nil {
		log.SetOutput(os.Stderr)
		log.Fatal(err)
	}
}
