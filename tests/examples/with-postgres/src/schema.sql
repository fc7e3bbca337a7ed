CREATE TABLE accounts (owner text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
INSERT INTO accounts VALUES ('ada', 100), ('bob', 0);
