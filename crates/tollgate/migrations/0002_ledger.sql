-- The ledger. Money is nano-dollars, times are milliseconds since 1970 (UTC), days and hours are counted from 1970.

-- What sums distinguish: every entry belongs to one of these. `book` is 0 for live money, 1 for that of test keys.
create table series (
    id             integer primary key,
    book           integer not null,
    key_id         text not null,
    project_id     text not null,
    endpoint       text not null,
    model          text not null,
    provider       text not null,
    provider_kind  text not null,
    upstream_model text not null,
    price_version  text not null,
    unique (key_id, project_id, endpoint, model, provider, provider_kind, upstream_model, price_version, book)
) strict;

-- One row for each admitted request: its one charge. `id` is the request's id as 16 bytes, which sort by time.
-- `marks`: basis in bits 0 to 3, outcome in bits 4 to 7, flags from bit 16 on. No further index: an index would cost
-- more than the row; `rollups` say in which hours a series has entries.
create table entries (
    id          blob primary key,
    series      integer not null,
    admitted_at integer not null,
    amount      integer not null check (amount >= 0),
    cost        integer not null check (cost >= 0),
    marks       integer not null,
    status      integer not null,
    usage       blob not null,
    detail      blob
) strict, without rowid;

create table refunds (
    id         text primary key,
    request_id blob not null references entries (id),
    cause      text not null,
    amount     integer not null check (amount > 0),
    created_at integer not null,
    note       text,
    unique (request_id, cause)
) strict;

-- Sums by hour of admission.
create table rollups (
    hour     integer not null,
    series   integer not null,
    requests integer not null,
    errors   integer not null,
    amount   integer not null,
    cost     integer not null,
    refunded integer not null,
    usage    text not null, -- JSON list of the counters' sums
    primary key (hour, series)
) strict, without rowid;

-- Double entry, summed by day of admission: the legs of every posting add up to 0.
create table postings (
    day     integer not null,
    account text not null,
    nano    integer not null,
    primary key (day, account)
) strict, without rowid;

-- The same over all days, so that a start need not add them up.
create table balances (
    account text primary key,
    nano    integer not null
) strict, without rowid;

-- Every price that was ever in force, so that an amount can be computed again.
create table price_versions (
    provider_kind text not null,
    model         text not null,
    version       text not null,
    stored        text not null,
    first_seen    integer not null,
    primary key (provider_kind, model, version)
) strict, without rowid;
