// Package replicas has no code: its test runs several servers of
// internal/lab/labserver on one database, as processes of their own, lets two
// hundred people in and out through all of them at once, and kills one.
package replicas
