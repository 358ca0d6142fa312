//! The ledger as people see it.
