// Package auth answers who is it: it checks passwords and API keys, mints and reads tokens, and slows down
// those who guess.
//
// Secrets live only in the hands of those they were given to. A token or ticket is known by its SHA-256, a
// password by its bcrypt hash, an API key by its SHA-256; no error and no log line of this package holds one.
//
// A login goes through it in this order: [Throttle.Begin] counts the attempt before anything is looked at, a
// [Passwords] says whether the password is right, and [Attempt.End] takes the attempt back unless it was wrong.
// Whoever is admitted gets a token from [Mint]; [Parse] reads it when it comes back. Whether its session is live
// is not known here, but in the session package.
package auth
