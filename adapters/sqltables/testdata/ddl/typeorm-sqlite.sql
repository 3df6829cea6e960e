-- The default entities of @auth/typeorm-adapter, as TypeORM's synchronize makes them.
-- Recorded: go test ./internal/lab/authjstables -run TestDDL -record

CREATE TABLE "users" ("id" varchar PRIMARY KEY NOT NULL, "name" varchar, "email" varchar, "emailVerified" varchar, "image" varchar, CONSTRAINT "UQ_97672ac88f789774dd47f7c8be3" UNIQUE ("email"));

CREATE TABLE "accounts" ("id" varchar PRIMARY KEY NOT NULL, "userId" varchar NOT NULL, "type" varchar NOT NULL, "provider" varchar NOT NULL, "providerAccountId" varchar NOT NULL, "refresh_token" varchar, "access_token" varchar, "expires_at" bigint, "token_type" varchar, "scope" varchar, "id_token" varchar, "session_state" varchar, CONSTRAINT "FK_3aa23c0a6d107393e8b40e3e2a6" FOREIGN KEY ("userId") REFERENCES "users" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION);

CREATE TABLE "sessions" ("id" varchar PRIMARY KEY NOT NULL, "sessionToken" varchar NOT NULL, "userId" varchar NOT NULL, "expires" varchar NOT NULL, CONSTRAINT "UQ_8b5e2ec52e335c0fe16d7ec3584" UNIQUE ("sessionToken"), CONSTRAINT "FK_57de40bc620f456c7311aa3a1e6" FOREIGN KEY ("userId") REFERENCES "users" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION);

CREATE TABLE "verification_tokens" ("id" varchar PRIMARY KEY NOT NULL, "token" varchar NOT NULL, "identifier" varchar NOT NULL, "expires" varchar NOT NULL);
