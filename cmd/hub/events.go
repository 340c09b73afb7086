package main

import (
	"time"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// What the event log may be told to keep. The events are the notices too, and whoever was cut off reads them late.
const (
	leastEvents    = 1000
	leastEventsAge = time.Hour
)

// eventFlags say how much of the event log is kept. The zero value leaves it to the stores.
type eventFlags struct {
	EventsKeep int           `default:"100000" env:"HUB_EVENTS_KEEP" help:"How many events the log keeps, about; 1000 or more."`
	EventsAge  time.Duration `default:"168h" env:"HUB_EVENTS_AGE" help:"For how long it keeps them, an hour or more; 0 is for ever, as far as there is room."`
}

func (f eventFlags) check() error {
	if f.EventsKeep < leastEvents {
		return badUsage("--events-keep %d: want %d or more", f.EventsKeep, leastEvents)
	}
	if f.EventsAge != 0 && f.EventsAge < leastEventsAge {
		return badUsage("--events-age %s: want %s or more, or 0 for ever", f.EventsAge, leastEventsAge)
	}
	return nil
}

// age returns for how long events are kept, as the stores have it.
func (f eventFlags) age() time.Duration {
	if f.EventsKeep > 0 && f.EventsAge == 0 {
		return -1
	}
	return f.EventsAge
}

func (f eventFlags) redis() redisstore.Options {
	return redisstore.Options{KeepEvents: f.EventsKeep / session.Shards, KeepFor: f.age()}
}

func (f eventFlags) sqlite() sqlitestore.Options {
	return sqlitestore.Options{Events: f.EventsKeep, EventsFor: f.age()}
}
