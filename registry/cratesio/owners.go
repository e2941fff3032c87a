package cratesio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

// Owners asks the API; it costs one request of the budget. ErrNotFound where the
// registry has none.
func (c *Client) Owners(ctx context.Context, name string) ([]lockkeeper.Principal, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	at, err := c.of(ctx)
	if err != nil {
		return nil, err
	}
	if at.api == "" {
		return nil, fmt.Errorf("owners of crate %s: the registry has no API: %w", name, registry.ErrNotFound)
	}
	data, err := c.fetch.Get(ctx, fetch.Request{
		URL: at.api + "/crates/" + name + "/owners", Accept: "application/json", Limit: maxPage, Budget: c.budget,
	})
	if err != nil {
		return nil, fmt.Errorf("owners of crate %s: %w", name, c.explain(err))
	}
	owners, err := parseOwners(data)
	if err != nil {
		return nil, fmt.Errorf("owners of crate %s: %w", name, err)
	}
	return owners, nil
}

// apiOwners is the answer of GET /crates/NAME/owners.
type apiOwners struct {
	// A pointer: an answer without the key is none.
	Users *[]struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Kind  string `json:"kind"`
	} `json:"users"`
}

// parseOwners keys on kind and id: logins can be given to others. An owner that is
// neither user nor team is an error, since leaving one out would hide who came.
func parseOwners(data []byte) ([]lockkeeper.Principal, error) {
	var answer apiOwners
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, err
	}
	if answer.Users == nil {
		return nil, errors.New(`"users" is missing`)
	}
	owners := make([]lockkeeper.Principal, 0, len(*answer.Users))
	for _, u := range *answer.Users {
		p := lockkeeper.Principal{ID: strconv.FormatInt(u.ID, 10), Login: u.Login}
		switch u.Kind {
		case "user":
			p.Kind = lockkeeper.User
		case "team":
			p.Kind = lockkeeper.Team
		}
		if p.Kind == lockkeeper.Unknown || u.ID <= 0 {
			return nil, fmt.Errorf("owner %.80q of kind %.80q with id %d", u.Login, u.Kind, u.ID)
		}
		owners = append(owners, p)
	}
	return owners, nil
}
