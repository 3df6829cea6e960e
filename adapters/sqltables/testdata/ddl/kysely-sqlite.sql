-- The tables of the migration that authjs.dev shows for @auth/kysely-adapter,
-- with the column types and defaults that the adapter's own tests have on
-- SQLite, for which nothing else is published. The adapter gives accounts and
-- sessions no id: theirs are null. Mind emailVerified: an INSERT that leaves it
-- out verifies the address, in a form that is not the adapter's.

CREATE TABLE "User" (
  "id" varchar PRIMARY KEY,
  "name" text,
  "email" text NOT NULL UNIQUE,
  "emailVerified" timestamptz DEFAULT CURRENT_TIMESTAMP,
  "image" text
);

CREATE TABLE "Account" (
  "id" varchar PRIMARY KEY,
  "userId" uuid NOT NULL REFERENCES "User" ("id") ON DELETE CASCADE,
  "type" text NOT NULL,
  "provider" text NOT NULL,
  "providerAccountId" text NOT NULL,
  "refresh_token" text,
  "access_token" text,
  "expires_at" bigint,
  "token_type" text,
  "scope" text,
  "id_token" text,
  "session_state" text
);

CREATE TABLE "Session" (
  "id" varchar PRIMARY KEY,
  "userId" uuid NOT NULL REFERENCES "User" ("id") ON DELETE CASCADE,
  "sessionToken" text NOT NULL UNIQUE,
  "expires" timestamptz NOT NULL
);

CREATE TABLE "VerificationToken" (
  "identifier" text NOT NULL,
  "token" text NOT NULL UNIQUE,
  "expires" timestamptz NOT NULL
);

CREATE INDEX "Account_userId_index" ON "Account" ("userId");

CREATE INDEX "Session_userId_index" ON "Session" ("userId");
