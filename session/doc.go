// Package session holds the rules on how many sessions a user may have, and the one way in to them.
//
// The rules are methods of [Account], which is all that is known of one user's sessions: pure functions
// from one account to the next. A [Store] keeps the accounts; [Registry] loads one, lets the rules decide
// and commits the decision, so that the limit holds in the store's own order of events however many
// instances share it. The package imports no driver: the stores are in its subfolders.
package session
