-- What the gateway remembers of conversations for callers who cannot carry it. Names are keyed digests, contents are
-- encrypted.
create table memory (
    name blob primary key,
    content blob not null,
    -- Unix milliseconds.
    expires_at integer not null
) without rowid, strict;

create index memory_expiry on memory (expires_at);
