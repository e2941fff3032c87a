package queue

import (
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// suite is run on both kinds of databases. fresh makes an empty one and returns
// where it is.
var suite = map[string]func(t *testing.T, fresh func(testing.TB) string){
	"Job arrives whole":             testJobArrivesWhole,
	"Bad jobs":                      testBadJobs,
	"Burst coalesces":               testBurstCoalesces,
	"Burst before start":            testBurstBeforeStart,
	"Event during run":              testEventDuringRun,
	"Different things run together": testDifferentThingsRunTogether,
	"Retry":                         testRetry,
	"Panic is retried":              testPanicIsRetried,
	"Timeout is retried":            testTimeoutIsRetried,
	"End at timeout counts":         testEndAtTimeoutCounts,
	"Retry at is honoured":          testRetryAtIsHonoured,
	"Comments":                      testComments,
	"People first":                  testPeopleFirst,
	"One burst starves nobody":      testOneBurstStarvesNobody,
	"Slow jobs hold half":           testSlowJobsHoldHalfTheWorkers,
	"Slow repository":               testSlowRepositoryHoldsAQuarter,
	"Person waits for one job":      testPersonWaitsForOneJob,
	"Set aside keeps its place":     testSetAsideKeepsItsPlace,
	"Everything at once":            testEverythingAtOnce,
	"Killed after put":              testKilledAfterPut,
	"Killed during run":             testKilledDuringRun,
	"Stop drains":                   testStopDrains,
	"Stop puts back":                testStopPutsBack,
	"Stop without start":            testStopWithoutStart,
	"Sweep finds what has no job":   testSweepFindsWhatHasNoJob,
	"Later holds up nothing":        testLaterHoldsUpNothing,
	"Settled":                       testSettled,
	"What is old goes":              testPrune,
	"Never beside each other":       testNeverBesideEachOther,
	"Run that outlives its time":    testRunThatOutlivesItsTime,
	"Wrong clock":                   testWrongClock,
	"Placed by a wrong clock":       testPlacedByWrongClock,
	"Stray":                         testStray,
	"Check":                         testCheck,
}

func TestSQLite(t *testing.T) {
	runSuite(t, newSQLite)
}

func TestPostgreSQL(t *testing.T) {
	runSuite(t, pgtest.New)
}

func runSuite(t *testing.T, fresh func(testing.TB) string) {
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			test(t, fresh)
		})
	}
}

func newSQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "q.db") }

func onEach(b *testing.B, benchmark func(b *testing.B, location string)) {
	b.Run("SQLite", func(b *testing.B) { benchmark(b, newSQLite(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmark(b, pgtest.New(b)) })
}
