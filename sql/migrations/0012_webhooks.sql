-- Where the alerts of watches are sent, and how far that has come.

CREATE TABLE app.webhook (
    watch   text        PRIMARY KEY REFERENCES app.watch ON DELETE CASCADE,
    client  text        NOT NULL,
    url     text        NOT NULL CHECK (length(url) <= 500),
    host    text        NOT NULL,
    secret  text        NOT NULL CHECK (secret ~ '^whsec_'),
    status  text        NOT NULL DEFAULT 'unconfirmed' CHECK (status IN ('unconfirmed', 'active', 'ended')),
    cursor  bigint      NOT NULL CHECK (cursor >= 0),
    reach   bigint      CHECK (reach > cursor),
    tries   smallint    NOT NULL DEFAULT 0 CHECK (tries >= 0),
    tried   timestamptz,
    outcome text,
    due     timestamptz NOT NULL DEFAULT now(),
    created timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE app.webhook IS 'An address to which the alerts of a watch are sent, in order and at least once';
COMMENT ON COLUMN app.webhook.watch IS 'the watch';
COMMENT ON COLUMN app.webhook.client IS 'address that asked for it, to bound how many hosts one client has asked';
COMMENT ON COLUMN app.webhook.url IS 'where it leads';
COMMENT ON COLUMN app.webhook.host IS 'the host in it, to bound how many lead to one host';
COMMENT ON COLUMN app.webhook.secret IS 'signs the messages, so it is kept as it is: it opens nothing here';
COMMENT ON COLUMN app.webhook.status IS 'unconfirmed: nothing but the challenge is sent; ended: nothing is sent';
COMMENT ON COLUMN app.webhook.cursor IS 'lco_id up to which the receiver has taken all';
COMMENT ON COLUMN app.webhook.reach IS 'lco_id up to which the message goes that is under way: fixed before it is first sent, so that each further try sends the same';
COMMENT ON COLUMN app.webhook.tries IS 'failed tries of that message, or of the challenge';
COMMENT ON COLUMN app.webhook.tried IS 'when the last try ended';
COMMENT ON COLUMN app.webhook.outcome IS 'what came of it, in words';
COMMENT ON COLUMN app.webhook.due IS 'not before this: the next try, or, while one runs, the moment from which its process is taken for dead';
COMMENT ON COLUMN app.webhook.created IS 'when it was asked for';
CREATE INDEX webhook_due ON app.webhook (due) WHERE status <> 'ended';
COMMENT ON INDEX app.webhook_due IS 'which are to be tried';
CREATE INDEX webhook_of_host ON app.webhook (host);
COMMENT ON INDEX app.webhook_of_host IS 'how many lead to one host';
GRANT SELECT, INSERT, UPDATE, DELETE ON app.webhook TO mars_app;
