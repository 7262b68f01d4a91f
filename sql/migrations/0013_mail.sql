-- Whose mail holds a watch's new alerts once a day, and who was asked whether they want that.

CREATE TABLE app.subscription (
    watch   text        PRIMARY KEY REFERENCES app.watch ON DELETE CASCADE,
    client  text        NOT NULL,
    address text        NOT NULL CHECK (length(address) <= 254),
    key     text        NOT NULL CHECK (key ~ '^[A-Za-z0-9_-]{32}$'),
    status  text        NOT NULL DEFAULT 'unconfirmed' CHECK (status IN ('unconfirmed', 'asked', 'active', 'ended')),
    cursor  bigint      NOT NULL CHECK (cursor >= 0),
    reach   bigint      CHECK (reach > cursor),
    tries   smallint    NOT NULL DEFAULT 0 CHECK (tries >= 0),
    tried   timestamptz,
    outcome text,
    due     timestamptz NOT NULL DEFAULT now(),
    created timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE app.subscription IS 'A mail address to which the new alerts of a watch are sent, once a day at most';
COMMENT ON COLUMN app.subscription.watch IS 'the watch';
COMMENT ON COLUMN app.subscription.client IS 'address that asked for it';
COMMENT ON COLUMN app.subscription.address IS 'the mail address';
COMMENT ON COLUMN app.subscription.key IS 'drawn at random, 192 bits: who has a mail with it may agree, and stop the mails';
COMMENT ON COLUMN app.subscription.status IS 'unconfirmed: the question is to be sent; asked: it was, and nothing else is; ended: nothing is sent';
COMMENT ON COLUMN app.subscription.cursor IS 'lco_id up to which all was sent';
COMMENT ON COLUMN app.subscription.reach IS 'lco_id up to which the mail goes that is under way';
COMMENT ON COLUMN app.subscription.tries IS 'failed tries of that mail, or of the question';
COMMENT ON COLUMN app.subscription.tried IS 'when the last try ended';
COMMENT ON COLUMN app.subscription.outcome IS 'what came of it, in words';
COMMENT ON COLUMN app.subscription.due IS 'not before this: the next mail or try, or, while one runs, the moment from which its process is taken for dead';
COMMENT ON COLUMN app.subscription.created IS 'when it was asked for';
CREATE UNIQUE INDEX subscription_key ON app.subscription (key);
COMMENT ON INDEX app.subscription_key IS 'the one to which a link in a mail leads';
CREATE INDEX subscription_due ON app.subscription (due) WHERE status IN ('unconfirmed', 'active');
COMMENT ON INDEX app.subscription_due IS 'which are to be tried';

CREATE TABLE app.mail_question (
    address text        NOT NULL,
    client  text        NOT NULL,
    asked   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE app.mail_question IS 'Who was asked within a day, kept beyond the subscription, so that nobody is asked again and again';
COMMENT ON COLUMN app.mail_question.address IS 'the mail address, in lower case';
COMMENT ON COLUMN app.mail_question.client IS 'address of the client because of whom';
COMMENT ON COLUMN app.mail_question.asked IS 'when';
CREATE INDEX mail_question_asked ON app.mail_question (asked);
COMMENT ON INDEX app.mail_question_asked IS 'those of a day';
GRANT SELECT, INSERT, UPDATE, DELETE ON app.subscription, app.mail_question TO mars_app;
