package pypi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

// Owners asks for the project's present roles (warehouse, "ownership" of the JSON
// API). Roles that a team has through its organisation are not shown there. An
// index that has no such key does not tell: ErrNotFound.
func (c *Client) Owners(ctx context.Context, name string) ([]lockkeeper.Principal, error) {
	name, err := checkName(name)
	if err != nil {
		return nil, err
	}
	if c.pypi == "" {
		return nil, fmt.Errorf("owners of %s: the index tells of none: %w", name, registry.ErrNotFound)
	}
	data, err := c.fetch.Get(ctx, fetch.Request{
		URL: c.pypi + "/pypi/" + name + "/json", Accept: "application/json", Limit: maxProject, Budget: c.budget,
	})
	if err != nil {
		return nil, fmt.Errorf("owners of %s: %w", name, err)
	}
	owners, err := parseOwners(name, data)
	if err != nil {
		return nil, fmt.Errorf("owners of %s: %w", name, err)
	}
	return owners, nil
}

// account is what warehouse takes for the name of a user or organisation.
var account = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$`)

func parseOwners(name string, data []byte) ([]lockkeeper.Principal, error) {
	var answer struct {
		Info struct {
			Name string `json:"name"`
		} `json:"info"`
		Ownership *struct {
			// A pointer: an answer without the key says nothing of who is gone.
			Roles *[]struct {
				Role string `json:"role"`
				User string `json:"user"`
			} `json:"roles"`
			Organization *string `json:"organization"`
		} `json:"ownership"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, err
	}
	if answer.Info.Name != "" && NormalName(answer.Info.Name) != name {
		return nil, fmt.Errorf("name %.80q is not the project that was asked for", answer.Info.Name)
	}
	if answer.Ownership == nil {
		return nil, fmt.Errorf(`no "ownership": %w`, registry.ErrNotFound)
	}
	if answer.Ownership.Roles == nil {
		return nil, errors.New(`"roles" is missing`)
	}
	var owners []lockkeeper.Principal
	add := func(kind lockkeeper.PrincipalKind, name string) error {
		if !account.MatchString(name) {
			return fmt.Errorf("the account name %.80q", name)
		}
		owners = append(owners, lockkeeper.Principal{Kind: kind, ID: name})
		return nil
	}
	var errs []error
	for _, r := range *answer.Ownership.Roles {
		errs = append(errs, add(lockkeeper.User, r.User))
	}
	if org := answer.Ownership.Organization; org != nil {
		errs = append(errs, add(lockkeeper.Team, *org))
	}
	return owners, errors.Join(errs...)
}
