-- How a budget is enforced: `strict`, `soft` or `meter`. Null for no budget, and for budgets made before there were
-- modes: those are strict.
alter table projects add column budget_mode text;
alter table keys add column budget_mode text;
