package main

import (
	"sigs.k8s.io/aws-iam-authenticator/pkg/config"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap"
)

// parsed is what ParseMap returns, with every list present, in the field names of the ConfigMap. The error is a text
// that covers all keys and entries; what could be read is there all the same.
type parsed struct {
	Roles    []role   `json:"roles"`
	Users    []user   `json:"users"`
	Accounts []string `json:"accounts"`
	Error    string   `json:"error"`
}

type role struct {
	RoleARN  string   `json:"rolearn"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
	SSO      *sso     `json:"sso"`
}

type sso struct {
	PermissionSetName string `json:"permissionSetName"`
	AccountID         string `json:"accountID"`
	Partition         string `json:"partition"`
}

type user struct {
	UserARN  string   `json:"userarn"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

func parse(data map[string]string) parsed {
	users, roles, accounts, err := configmap.ParseMap(data)
	result := parsed{Roles: []role{}, Users: []user{}, Accounts: list(accounts)}
	for _, mapping := range roles {
		result.Roles = append(result.Roles, role{mapping.RoleARN, mapping.Username, list(mapping.Groups), ssoOf(mapping)})
	}
	for _, mapping := range users {
		result.Users = append(result.Users, user{mapping.UserARN, mapping.Username, list(mapping.Groups)})
	}
	if err != nil {
		result.Error = err.Error()
	}
	return result
}

func ssoOf(mapping config.RoleMapping) *sso {
	if mapping.SSO == nil {
		return nil
	}
	return &sso{mapping.SSO.PermissionSetName, mapping.SSO.AccountID, mapping.SSO.Partition}
}

// list makes null an empty list: to the authenticator there is no difference.
func list(items []string) []string {
	if items == nil {
		return []string{}
	}
	return items
}
