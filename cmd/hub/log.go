package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// logFlags say how the hub writes its log.
type logFlags struct {
	LogFormat string   `enum:"text,json" default:"text" env:"HUB_LOG_FORMAT" help:"How the log is written: text or json."`
	LogLevel  logLevel `default:"info" env:"HUB_LOG_LEVEL" help:"What is logged: debug, info, warn or error."`
}

// logLevel is what is logged at the least.
type logLevel struct{ slog.Level }

// UnmarshalText reads a level, in large letters or small.
func (l *logLevel) UnmarshalText(text []byte) error {
	if l.Level.UnmarshalText(text) != nil {
		return badUsage("%q: want debug, info, warn or error", text)
	}
	return nil
}

// logger returns the log that the flags ask for, and makes it that of the libraries too.
func (f logFlags) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: f.LogLevel.Level}
	var handler slog.Handler = slog.NewTextHandler(w, o)
	if f.LogFormat == "json" {
		handler = slog.NewJSONHandler(w, o)
	}
	log := slog.New(handler)
	slog.SetDefault(log)
	redis.SetLogger(redisLog{log})
	return log
}

// redisLog takes what the Redis client has to say. All of it reaches the hub as errors too, so it is detail.
type redisLog struct{ log *slog.Logger }

// Printf implements the client's logging.
func (r redisLog) Printf(ctx context.Context, format string, v ...any) {
	r.log.DebugContext(ctx, "redis client: "+fmt.Sprintf(format, v...))
}
