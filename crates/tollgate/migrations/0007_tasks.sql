-- Video tasks. Times are milliseconds since 1970, money is nano-dollars. `id` is 16 bytes that sort by time, as is
-- `request_id`, the request that made the task and under which it is charged.

create table tasks (
    id             blob primary key,
    request_id     blob not null unique,
    book           integer not null,
    key_id         text not null,
    project_id     text not null,
    dialect        text not null, -- what its caller speaks
    state          text not null,
    model          text not null, -- as the caller named it
    provider       text not null,
    provider_kind  text not null,
    upstream_model text not null,
    account        text not null, -- which of the provider's accounts: a check of its credential, or its place
    price_version  text not null,
    vendor_id      text,
    external_id    text,          -- the caller's own name for it
    facts          text not null, -- JSON: what was asked for
    answer         blob,          -- the vendor's last answer, as it is shown
    result         text,          -- JSON: what was made and where it is, while it is being fetched
    files          text not null, -- JSON: what is in the archive
    archive        text not null, -- none, pending, stored, gone
    settlement     text not null, -- open, due, settled
    held           integer not null check (held >= 0),
    amount         integer not null check (amount >= 0),
    usage          blob not null,
    flags          integer not null,
    status         integer not null, -- what its create was answered with
    error_code     text,
    error_message  text,
    filtered       integer not null,
    attempts       integer not null,
    admitted_at    integer not null,
    updated_at     integer not null,
    sent_at        integer,
    finished_at    integer,
    deadline       integer not null,
    expires_at     integer,       -- when its files go
    deleted_at     integer,
    owner          text not null, -- the process that works on it
    version        integer not null
) strict;

-- A task that has work to do is found by its owner at a start.
create index tasks_open on tasks (id) where settlement <> 'settled' or archive = 'pending' or finished_at is null;
create index tasks_of_project on tasks (project_id, book, dialect, id);
create index tasks_by_vendor on tasks (provider, vendor_id) where vendor_id is not null;
create unique index tasks_by_external on tasks (project_id, book, dialect, external_id) where external_id is not null;
create index tasks_expiring on tasks (expires_at) where archive = 'stored';

-- What became of a task, step by step.
create table task_events (
    seq   integer primary key,
    task  blob not null,
    at    integer not null,
    state text not null,
    note  text
) strict;
create index task_events_by_task on task_events (task, seq);

-- Where operators want to be told of tasks. Secrets are sealed.
create table webhooks (
    id            text primary key,
    url           text not null,
    secret        blob not null,
    secret_before blob,
    events        text not null, -- JSON list
    project_id    text,
    created_at    integer not null,
    disabled_at   integer,
    reason        text
) strict;

-- What is to be told, written with the change that it tells of.
create table outbox (
    id           text primary key,
    task         blob not null,
    webhook      text,          -- null: the caller's own address
    url          text not null,
    event        text not null,
    payload      blob not null,
    attempts     integer not null,
    created_at   integer not null,
    next_at      integer,       -- null: delivered, or given up
    delivered_at integer,
    failed_at    integer,
    last_status  integer,
    last_error   text
) strict;
create index outbox_due on outbox (next_at) where next_at is not null;
create index outbox_by_webhook on outbox (webhook, id);
create index outbox_by_task on outbox (task, id);
