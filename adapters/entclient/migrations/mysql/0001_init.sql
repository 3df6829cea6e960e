-- Instants are UNIX milliseconds; expires_at is UNIX seconds, as OAuth has it.
-- Keys are bytes: every text type ignores letter case or trailing blanks.

CREATE TABLE IF NOT EXISTS `user` (
  `id`            varbinary(512) NOT NULL,
  `name`          longtext NULL,
  `email`         varbinary(512) NULL,
  `emailVerified` bigint NULL,
  `image`         longtext NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `email` (`email`)
) ENGINE InnoDB CHARSET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `account` (
  `id`                bigint NOT NULL AUTO_INCREMENT,
  `userId`            varbinary(512) NOT NULL,
  `type`              longtext NOT NULL,
  `provider`          varbinary(512) NOT NULL,
  `providerAccountId` varbinary(512) NOT NULL,
  `refresh_token`     longtext NULL,
  `access_token`      longtext NULL,
  `expires_at`        bigint NULL,
  `token_type`        longtext NULL,
  `scope`             longtext NULL,
  `id_token`          longtext NULL,
  `session_state`     longtext NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `account_provider_providerAccountId` (`provider`, `providerAccountId`),
  INDEX `account_userId` (`userId`),
  CONSTRAINT `account_user_accounts` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE InnoDB CHARSET utf8mb4 COLLATE utf8mb4_bin;

-- sessionToken is the SHA-256 of the token in the cookie, in hex.
CREATE TABLE IF NOT EXISTS `session` (
  `sessionToken` varbinary(512) NOT NULL,
  `userId`       varbinary(512) NOT NULL,
  `expires`      bigint NOT NULL,
  PRIMARY KEY (`sessionToken`),
  INDEX `session_userId` (`userId`),
  INDEX `session_expires` (`expires`),
  CONSTRAINT `session_user_sessions` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE InnoDB CHARSET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `verificationToken` (
  `id`         bigint NOT NULL AUTO_INCREMENT,
  `identifier` varbinary(512) NOT NULL,
  `token`      varbinary(512) NOT NULL,
  `expires`    bigint NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `verificationtoken_identifier_token` (`identifier`, `token`),
  INDEX `verificationtoken_expires` (`expires`)
) ENGINE InnoDB CHARSET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `authenticator` (
  `credentialID`         varbinary(512) NOT NULL,
  `userId`               varbinary(512) NOT NULL,
  `providerAccountId`    varbinary(512) NOT NULL,
  `credentialPublicKey`  longtext NOT NULL,
  `counter`              bigint NOT NULL,
  `credentialDeviceType` longtext NOT NULL,
  `credentialBackedUp`   bool NOT NULL,
  `transports`           longtext NULL,
  PRIMARY KEY (`credentialID`),
  INDEX `authenticator_userId` (`userId`),
  CONSTRAINT `authenticator_user_authenticators` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE InnoDB CHARSET utf8mb4 COLLATE utf8mb4_bin;
