// Package tscheck holds what TypeScript makes of the declarations that typegen
// prints: the compiler, with --strict, against the real packages next-auth 4 and
// 5.
package tscheck
