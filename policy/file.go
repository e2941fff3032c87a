package policy

// Policy is a parsed policy file.
type Policy struct{}
