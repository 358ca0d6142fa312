-- Keys, projects, admin keys and the audit log. Times are milliseconds since 1970, money is nano-dollars, lists
-- and maps are JSON text. `integer` is SQLite's 64-bit one: strict tables know no `bigint`.

-- One row: counts every change of the tables that carry a `revision`, so that readers fetch only what changed.
create table revision (
    id    integer primary key check (id = 1),
    value integer not null
) strict;
insert into revision (id, value) values (1, 0);

-- Facts about this installation, such as the check value of its pepper.
create table installation (
    name  text primary key,
    value text not null
) strict;

create table projects (
    id                  text primary key,
    name                text not null,
    budget_nano_usd     integer check (budget_nano_usd >= 0),
    budget_window       text,
    requests_per_minute integer,
    tokens_per_minute   integer,
    concurrency         integer,
    metadata            text not null,
    created_at          integer not null,
    updated_at          integer not null,
    revision            integer not null,
    check ((budget_nano_usd is null) = (budget_window is null))
) strict;
create index projects_by_revision on projects (revision);

create table keys (
    id                  text primary key,
    digest              blob not null unique,
    hint                text not null,
    name                text not null,
    mode                text not null,
    project_id          text not null references projects (id),
    allowed_models      text not null,
    allowed_ips         text not null,
    expires_at          integer,
    budget_nano_usd     integer check (budget_nano_usd >= 0),
    budget_window       text,
    requests_per_minute integer,
    tokens_per_minute   integer,
    concurrency         integer,
    metadata            text not null,
    created_at          integer not null,
    updated_at          integer not null,
    revoked_at          integer,
    revision            integer not null,
    check ((budget_nano_usd is null) = (budget_window is null))
) strict;
create index keys_by_revision on keys (revision);
create index keys_by_project on keys (project_id, id);

create table admin_keys (
    id         text primary key,
    digest     blob not null unique,
    hint       text not null,
    created_at integer not null
) strict;

-- One row for each write; `seq` is the revision that the write made.
create table audit (
    seq    integer primary key,
    at     integer not null,
    actor  text not null,
    peer   text,
    action text not null,
    object text not null,
    before text,
    after  text
) strict;
