-- Entries in blocks: many in one row, since a row for each costs more than all else that booking does. No release had
-- the old form; what was booked in it goes.
drop table refunds;
drop table entries;
delete from rollups;
delete from postings;
delete from balances;

-- `id` is when it was booked, in milliseconds × 1024, and a counter. `ids` are the requests' ids, 16 bytes each;
-- `charges` are their charges in the same order (ledger/block.rs).
create table blocks (
    id      integer primary key,
    count   integer not null,
    ids     blob not null,
    charges blob not null
) strict;

-- What the request log knows beyond the charges, in the same order; goes when its time has come.
create table block_details (
    block integer primary key,
    bytes blob not null
) strict;

-- In which blocks something is to be found: series by their numbers, and what most entries are not (ledger/find.rs).
create table block_marks (
    mark  integer not null,
    block integer not null,
    primary key (mark, block)
) strict, without rowid;

-- Entries that were not booked soon after their request came: where they are, and the hour that they count to.
create table strays (
    id    blob primary key,
    block integer not null,
    hour  integer not null
) strict, without rowid;
create index strays_by_hour on strays (hour, block);

-- `request` is `req_…`; those sort by time as the ids in blocks do.
create table refunds (
    id         text primary key,
    request    text not null,
    cause      text not null,
    amount     integer not null check (amount > 0),
    created_at integer not null,
    note       text,
    unique (request, cause)
) strict;
