package sqlitestore

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

//go:embed ledger.sql
var ledgerSchema string

const (
	// A fact that is to be the only one is not written where another stands whose time is not over.
	upsertFact = `INSERT INTO facts (name, fact, until) SELECT ?1, ?2, ?3
		WHERE NOT (?4 AND EXISTS (SELECT 1 FROM facts WHERE name = ?1 AND fact <> ?2 AND until > ?5))
		ON CONFLICT (name, fact) DO UPDATE SET until = max(until, excluded.until)`
	selectFacts = `SELECT fact FROM facts WHERE name = ? AND until > ?`
	// Each fact that is written clears away two whose time is over, if there are any.
	purgeFacts = `DELETE FROM facts WHERE (name, fact) IN
		(SELECT name, fact FROM facts WHERE until <= ? ORDER BY until LIMIT ?)`
)

// Post implements [session.Ledger].
func (s *Store) Post(ctx context.Context, entries []session.Entry, names ...session.Digest) ([][]session.Fact, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		facts, err := readFacts(s.reader.facts, names, s.now())
		return facts, unavailable(err)
	}
	var facts [][]session.Fact
	err := s.writer.do(ctx, func(tx *statements) (err error) {
		now := s.now()
		for _, e := range entries {
			if err := putFact(tx, e, now); err != nil {
				return err
			}
		}
		if _, err := tx.purgeFacts.Exec(now.UnixMilli(), 2*len(entries)); err != nil {
			return err
		}
		facts, err = readFacts(tx.facts, names, now)
		return err
	}, nil)
	if err != nil {
		return nil, err
	}
	return facts, nil
}

func putFact(tx *statements, e session.Entry, now time.Time) error {
	if e.Keep < time.Millisecond {
		return nil
	}
	until := now.Add(e.Keep).UnixMilli()
	_, err := tx.putFact.Exec(factName(e.Name), e.Fact[:], until, e.Sole, now.UnixMilli())
	return err
}

func readFacts(query *sql.Stmt, names []session.Digest, now time.Time) ([][]session.Fact, error) {
	all := make([][]session.Fact, len(names))
	for i, name := range names {
		rows, err := query.Query(factName(name), now.UnixMilli())
		if err != nil {
			return nil, err
		}
		all[i], err = collect(rows, func() (session.Fact, error) {
			var fact []byte
			if err := rows.Scan(&fact); err != nil {
				return session.Fact{}, err
			}
			if len(fact) != len(session.Fact{}) {
				return session.Fact{}, fmt.Errorf("a fact of %d bytes", len(fact))
			}
			return session.Fact(fact), nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func factName(name session.Digest) string { return hex.EncodeToString(name[:]) }
