// Command oracle answers what aws-iam-authenticator makes of an aws-auth ConfigMap, by calling its own code.
//
// Each request is one JSON object on standard input with the name of an operation as its only key, each reply one
// JSON object on a line of its own on standard output, in the order of the requests. At the end of the input it exits.
//
//	{"parse": {"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/r\n"}}
//	{"roles": [{"rolearn": "arn:aws:iam::111122223333:role/r", ...}], "users": [], "accounts": [], "error": ""}
//
//	{"authenticate": {"data": {"mapAccounts": "- '111122223333'\n"}, "reserved": [],
//	  "callers": [{"arn": "arn:aws:sts::111122223333:assumed-role/r/s", "account": "111122223333",
//	    "userID": "AROAEXAMPLE:s", "accessKeyID": "ASIAEXAMPLE"}]}}
//	[{"username": "arn:aws:iam::111122223333:role/r", "groups": [], "canonicalARN": "...", "error": ""}]
//
// What is not a request ends it with a message on standard error and exit status 1.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/sirupsen/logrus"
)

// A request has one field for each operation; the one that is set says what is asked.
type request struct {
	Parse        map[string]string `json:"parse"`
	Authenticate *attempt          `json:"authenticate"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("oracle: ")
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.WarnLevel)
	logrus.AddHook(reasons)
	http.DefaultTransport = sts
	if err := serve(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func serve(in io.Reader, out io.Writer) error {
	requests := json.NewDecoder(bufio.NewReader(in))
	requests.DisallowUnknownFields()
	replies := bufio.NewWriter(out)
	encoder := json.NewEncoder(replies)
	encoder.SetEscapeHTML(false)
	for {
		var asked request
		if err := requests.Decode(&asked); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		reply, err := answer(asked)
		if err != nil {
			return err
		}
		if err := encoder.Encode(reply); err != nil {
			return err
		}
		// Every reply at once: whoever asks a single question waits for it.
		if err := replies.Flush(); err != nil {
			return err
		}
	}
}

func answer(asked request) (any, error) {
	switch {
	case asked.Parse != nil:
		return parse(asked.Parse), nil
	case asked.Authenticate != nil:
		return authenticate(*asked.Authenticate)
	default:
		return nil, errors.New("a request without an operation")
	}
}
