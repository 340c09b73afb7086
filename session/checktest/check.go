package checktest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sessionhub/sessionhub/session"
)

// checkTimeout bounds the search for an order; a history within reach takes a small part of it.
const checkTimeout = 2 * time.Minute

// Check runs the workload on an instance for each of stores, which are ways to the same accounts, and fails the
// test if what the instances answered has no order that explains it. It logs the workload with its seed.
func Check(tb testing.TB, w Workload, stores ...session.Store) {
	tb.Helper()
	tb.Logf("workload: %+v", w)
	report, err := Run(context.Background(), w, stores...)
	if err != nil {
		tb.Fatalf("run the workload: %v", err)
	}
	tb.Logf("answers: %s", report)
	switch {
	case report.Violation:
		path := filepath.Join(tb.ArtifactDir(), "history.html")
		if err := report.Draw(path); err != nil {
			tb.Errorf("draw the history: %v", err)
		}
		tb.Errorf("no order of the operations explains the answers; see %s (kept with -artifacts)", path)
	case report.Undecided:
		tb.Errorf("no order of the operations was found or ruled out within %s", checkTimeout)
	}
}

// Report is what became of a workload.
type Report struct {
	// Violation says that no order of the operations explains the answers.
	Violation bool
	// Undecided says that the search for an order took too long.
	Undecided bool
	// Operations is how many there were, and Lost how many of them got no answer.
	Operations, Lost int
	// Verdicts are how many logins and choices were answered in which way.
	Verdicts map[session.Verdict]int

	model   porcupine.Model
	history []porcupine.Operation
}

// Run runs the workload on an instance for each of stores, which are ways to the same accounts, and looks for
// an order that explains what the instances answered. It returns an error only for an answer that no store
// should give.
func Run(ctx context.Context, w Workload, stores ...session.Store) (Report, error) {
	r := newRunner(w, stores)
	if err := r.run(ctx); err != nil {
		return Report{}, err
	}
	return judge(model{opened: r.opened}, r.history), nil
}

func judge(m model, history []porcupine.Operation) Report {
	report := Report{
		Operations: len(history),
		Verdicts:   make(map[session.Verdict]int),
		model:      m.porcupine(),
		history:    history,
	}
	for _, op := range history {
		a := op.Output.(answer)
		switch {
		case a.lost:
			report.Lost++
		case a.verdict != 0:
			report.Verdicts[a.verdict]++
		}
	}
	result := porcupine.CheckOperationsTimeout(report.model, history, checkTimeout)
	report.Violation = result == porcupine.Illegal
	report.Undecided = result == porcupine.Unknown
	return report
}

// Draw writes the history, and how far an order of it reaches, as a page to look at.
func (r Report) Draw(path string) error {
	_, info := porcupine.CheckOperationsVerbose(r.model, r.history, checkTimeout)
	return porcupine.VisualizePath(r.model, info, path)
}

// String returns the counts, for a log.
func (r Report) String() string {
	return fmt.Sprintf("%d operations, %d lost; logins and choices: %d admitted, %d rejected, %d challenged, %d declined",
		r.Operations, r.Lost, r.Verdicts[session.Admitted], r.Verdicts[session.Rejected],
		r.Verdicts[session.Challenged], r.Verdicts[session.Declined])
}
