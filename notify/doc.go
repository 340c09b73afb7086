// Package notify tells people and programs outside of what happens to sessions: by signed webhooks, and by messages to
// mail, Slack, Telegram and the like.
//
// A [Notifier] takes the chosen events out of a [session.Outbox], which hands each of them to one of all running
// instances and keeps it until it is delivered. A webhook gets each event by itself, as Standard Webhooks 1.0 describes;
// a person gets one message for all that happened in a while.
package notify
