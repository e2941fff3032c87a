//go:build race

package lockfiletest

// slack is how much more than its bound parsing may allocate: under the race
// detector pools forget at random what was put back.
const slack = 2
