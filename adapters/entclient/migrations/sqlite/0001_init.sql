-- Instants are UNIX milliseconds; expires_at is UNIX seconds, as OAuth has it.

CREATE TABLE "user" (
  "id"            text NOT NULL PRIMARY KEY,
  "name"          text NULL,
  "email"         text NULL,
  "emailVerified" integer NULL,
  "image"         text NULL
);
CREATE UNIQUE INDEX "user_email_key" ON "user" ("email");

CREATE TABLE "account" (
  "id"                integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  "userId"            text NOT NULL,
  "type"              text NOT NULL,
  "provider"          text NOT NULL,
  "providerAccountId" text NOT NULL,
  "refresh_token"     text NULL,
  "access_token"      text NULL,
  "expires_at"        integer NULL,
  "token_type"        text NULL,
  "scope"             text NULL,
  "id_token"          text NULL,
  "session_state"     text NULL,
  CONSTRAINT "account_user_accounts" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);
CREATE UNIQUE INDEX "account_provider_providerAccountId" ON "account" ("provider", "providerAccountId");
CREATE INDEX "account_userId" ON "account" ("userId");

-- sessionToken is the SHA-256 of the token in the cookie, in hex.
CREATE TABLE "session" (
  "sessionToken" text NOT NULL PRIMARY KEY,
  "userId"       text NOT NULL,
  "expires"      integer NOT NULL,
  CONSTRAINT "session_user_sessions" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);
CREATE INDEX "session_userId" ON "session" ("userId");
CREATE INDEX "session_expires" ON "session" ("expires");

CREATE TABLE "verificationToken" (
  "id"         integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  "identifier" text NOT NULL,
  "token"      text NOT NULL,
  "expires"    integer NOT NULL
);
CREATE UNIQUE INDEX "verificationtoken_identifier_token" ON "verificationToken" ("identifier", "token");
CREATE INDEX "verificationtoken_expires" ON "verificationToken" ("expires");

CREATE TABLE "authenticator" (
  "credentialID"         text NOT NULL PRIMARY KEY,
  "userId"               text NOT NULL,
  "providerAccountId"    text NOT NULL,
  "credentialPublicKey"  text NOT NULL,
  "counter"              integer NOT NULL,
  "credentialDeviceType" text NOT NULL,
  "credentialBackedUp"   bool NOT NULL,
  "transports"           text NULL,
  CONSTRAINT "authenticator_user_authenticators" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);
CREATE INDEX "authenticator_userId" ON "authenticator" ("userId");
