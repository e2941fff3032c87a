package provenance

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
)

// publisher is whom an index claims to have published a file (PEP 740).
type publisher struct {
	Kind             string `json:"kind"`
	Repository       string `json:"repository"`        // GitHub, GitLab
	Workflow         string `json:"workflow"`          // GitHub: a file name
	Environment      string `json:"environment"`       // GitHub, GitLab; null and "" are the same
	WorkflowFilepath string `json:"workflow_filepath"` // GitLab: a path
	Email            string `json:"email"`             // Google
	ProjectID        string `json:"project_id"`        // CircleCI, like those below
	DefinitionID     string `json:"pipeline_definition_id"`
	Origin           string `json:"vcs_origin"` // may be missing
}

// Who vouches to Sigstore for an identity (fulcio: docs/oidc.md).
const (
	githubIssuer = "https://token.actions.githubusercontent.com"
	gitlabIssuer = "https://gitlab.com"
	googleIssuer = "https://accounts.google.com"
	circleIssuer = "https://oidc.circleci.com"
)

// maxEnvironment bounds the name of an environment, in bytes; GitHub's have 255
// characters at most.
const maxEnvironment = 1024

// environment is the claim's, which no certificate can confirm or refute.
func (p publisher) environment() (string, error) {
	if len(p.Environment) > maxEnvironment || strings.ContainsFunc(p.Environment, func(r rune) bool { return r != ' ' && unprintable(r) }) {
		return "", fmt.Errorf("the index claims an environment whose name, %.100q, is not one", p.Environment)
	}
	return p.Environment, nil
}

// signed holds the claim against a certificate and gives the publisher as the
// certificate names it.
func (p publisher) signed(cert certificate.Summary) (lockkeeper.Principal, error) {
	var out lockkeeper.Principal
	switch p.Kind {
	case "GitHub":
		repository, workflow, err := build(cert, githubIssuer, "https://github.com/", "/.github/workflows/")
		if err != nil {
			return out, err
		}
		if !strings.EqualFold(repository, p.Repository) || workflow != p.Workflow {
			return out, p.differs(repository + "/" + workflow)
		}
		out = lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: repository + "/" + workflow}
	case "GitLab":
		repository, workflow, err := build(cert, gitlabIssuer, "https://gitlab.com/", "//")
		if err != nil {
			return out, err
		}
		if !strings.EqualFold(repository, p.Repository) || workflow != p.WorkflowFilepath {
			return out, p.differs(repository + "/" + workflow)
		}
		out = lockkeeper.Principal{Kind: lockkeeper.GitLabPath, ID: repository + "/" + workflow}
	case "Google":
		if err := issuedBy(cert, googleIssuer); err != nil {
			return out, err
		}
		if cert.SubjectAlternativeName != p.Email || p.Email == "" {
			return out, p.differs(cert.SubjectAlternativeName)
		}
		out = lockkeeper.Principal{Kind: lockkeeper.Google, ID: p.Email}
	case "CircleCI":
		id, err := pipeline(cert)
		if err != nil {
			return out, err
		}
		if id != p.ProjectID+"/"+p.DefinitionID || p.Origin != "" && !strings.EqualFold(p.Origin, cert.SourceRepositoryURI) {
			return out, p.differs(strings.TrimSpace(id + " " + cert.SourceRepositoryURI))
		}
		out = lockkeeper.Principal{Kind: lockkeeper.CircleCI, ID: id}
	default:
		return out, fmt.Errorf("the index claims a publisher of the kind %.40q, which is not known", p.Kind)
	}
	if len(out.ID) > 500 || strings.ContainsFunc(out.ID, unprintable) {
		return lockkeeper.Principal{}, fmt.Errorf("its publisher's name, %.100q, is not one", out.ID)
	}
	return out, nil
}

// build takes repository and workflow from a certificate for a run of one: the
// build configuration is HOST REPOSITORY SEPARATOR WORKFLOW "@" REF, where the
// certificate names repository and ref apart as well (fulcio: docs/oid-info.md,
// 1.12 to 1.14 and 1.18). The ref itself is the publisher's own business.
func build(cert certificate.Summary, issuer, host, separator string) (repository, workflow string, err error) {
	if err := issuedBy(cert, issuer); err != nil {
		return "", "", err
	}
	repository, onHost := strings.CutPrefix(cert.SourceRepositoryURI, host)
	rest, inRepository := strings.CutPrefix(cert.BuildConfigURI, cert.SourceRepositoryURI+separator)
	if !onHost || !inRepository || repository == "" {
		return "", "", fmt.Errorf("its certificate is for %.200q, which is no workflow of %.200q", cert.BuildConfigURI, cert.SourceRepositoryURI)
	}
	for _, ref := range []string{cert.SourceRepositoryDigest, cert.SourceRepositoryRef} {
		if workflow, found := strings.CutSuffix(rest, "@"+ref); found && ref != "" && workflow != "" {
			return repository, workflow, nil
		}
	}
	return "", "", fmt.Errorf("its certificate is for %.200q, which is not of the commit that it names", cert.BuildConfigURI)
}

// pipeline takes "project/definition" from a certificate for a CircleCI pipeline,
// whose build signer is named by the address of that definition.
func pipeline(cert certificate.Summary) (string, error) {
	if err := issuedBy(cert, circleIssuer); err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(cert.BuildSignerURI, "https://circleci.com/api/v2/projects/")
	project, definition, found := strings.Cut(rest, "/pipeline-definitions/")
	if !ok || !found || project == "" || definition == "" || strings.Contains(project+definition, "/") {
		return "", fmt.Errorf("its certificate is for %.200q, which is no pipeline", cert.BuildSignerURI)
	}
	return project + "/" + definition, nil
}

func issuedBy(cert certificate.Summary, issuer string) error {
	if cert.Issuer != issuer {
		return fmt.Errorf("its certificate was vouched for by %.100q, and not by %s as the claimed publisher's would be", cert.Issuer, issuer)
	}
	return nil
}

// differs is the error for a signer who is not whom the index claims.
func (p publisher) differs(signer string) error {
	claimed := p.Repository + "/" + p.Workflow + p.WorkflowFilepath
	switch p.Kind {
	case "Google":
		claimed = p.Email
	case "CircleCI":
		claimed = strings.TrimSpace(p.ProjectID + "/" + p.DefinitionID + " " + p.Origin)
	}
	return fmt.Errorf("it was signed by %.200q, while the index claims %.200q", signer, claimed)
}

func unprintable(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' }
