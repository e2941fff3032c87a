//go:build !race

package lockfiletest

// slack is how much more than its bound parsing may allocate: none.
const slack = 1
