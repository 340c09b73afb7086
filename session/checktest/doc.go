// Package checktest tests that a [session.Store] under load does what one user's sessions would do if every
// operation on them happened at one moment: that it is linearizable.
//
// [Check] drives registries with logins, choices, logouts, ends, limits and checks of few users, in parallel, and notes
// what each was answered and when. A checker (porcupine) then looks for one order of them all in which each
// answer is the one that the model gives. The model is written apart from the rules of package session, so
// that it does not share their mistakes; there are no kinds, no deadlines and no activity in it.
package checktest
