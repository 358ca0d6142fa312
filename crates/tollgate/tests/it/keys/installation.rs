//! Data dirs: first start, restart, secrets at rest, one server at a time.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tollgate::config::Secret;
use tollgate::keys::bootstrap::{self, BootError};
use tollgate::keys::{Mode, check_policy};
use tollgate::store::DataDirError;

use super::{Gate, start};

#[tokio::test]
async fn the_first_start_gives_two_secrets_once() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let first = bootstrap::start(&dir, None).await.unwrap();
    let (admin, test) = (first.first_run.admin.as_ref().unwrap(), first.first_run.test.as_ref().unwrap());
    assert!(admin.expose().starts_with("tg-admin-") && test.expose().starts_with("sk-tg-test-"));
    let key = first.keys.authenticate(test.expose().as_bytes()).unwrap();
    assert_eq!((key.mode, &*key.project_id, &*key.project.id), (Mode::Test, "proj_default", "proj_default"));
    assert_eq!(check_policy(&key, Some("any"), [127, 0, 0, 1].into()), Ok(()));
    let actor = first.admin.authenticate(admin.expose().as_bytes()).unwrap();
    assert!(actor.starts_with("admin_"));
    assert_eq!(first.admin.authenticate(test.expose().as_bytes()), None);
    assert!(!format!("{first:?}").contains(&admin.expose()[9..]));
    let (admin, test) = (admin.clone(), test.clone());
    drop(first);

    let again = bootstrap::start(&dir, None).await.unwrap();
    assert!(again.first_run.admin.is_none() && again.first_run.test.is_none());
    assert!(again.admin.authenticate(admin.expose().as_bytes()).is_some());
    assert!(again.keys.authenticate(test.expose().as_bytes()).is_ok());
    drop(again);

    let own = start(&dir).await;
    assert!(own.first_run.admin.is_none());
    assert_eq!(own.admin.authenticate(admin.expose().as_bytes()), None, "the operator's key stands alone");
    drop(own);
    let short = bootstrap::start(&dir, Some(&Secret::new("short"))).await.unwrap_err();
    assert!(matches!(short, BootError::AdminKey(_)));
}

#[tokio::test]
async fn an_operators_key_makes_no_secret() {
    let gate = Gate::open().await;
    assert!(gate.installation.first_run.admin.is_none() && gate.installation.first_run.test.is_none());
    assert_eq!(gate.installation.keys.count(), 0);
    assert_eq!(gate.get("/admin/v1/projects/proj_default").await.status, 200);
}

#[tokio::test]
async fn a_second_server_is_refused() {
    let gate = Gate::open().await;
    let error = bootstrap::start(gate.dir.path(), None).await.unwrap_err();
    assert!(matches!(&error, BootError::DataDir(DataDirError::InUse { .. })));
    assert!(error.to_string().contains("in use by another tollgate"), "{error}");
}

#[tokio::test]
async fn no_secret_is_ever_on_disk() {
    let gate = Gate::open().await;
    let (_, secret) = gate.live_key().await;
    let random = secret.strip_prefix("sk-tg-live-").unwrap();
    let mut read = 0;
    let entries = |dir: &std::path::Path| std::fs::read_dir(dir).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let mut all = entries(gate.dir.path());
    all.extend(entries(&gate.dir.path().join("journal")));
    for entry in all {
        if entry.path().is_dir() {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!contains(&bytes, &random[..20]) && !contains(&bytes, super::ADMIN), "{:?}", entry.path());
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
        read += bytes.len();
    }
    let written = ["tollgate.db", "tollgate.db-wal"].map(|name| gate.dir.path().join(name));
    assert!(written.iter().any(|file| contains(&std::fs::read(file).unwrap(), &random[random.len() - 4..])));
    assert!(read > 4096, "the search read what was written");
}

#[tokio::test]
async fn a_foreign_pepper_is_noticed() {
    let gate = Gate::open().await;
    let dir = gate.dir;
    gate.installation.store.close().await;
    drop(gate.installation);
    let pepper = dir.path().join("pepper");
    std::fs::write(&pepper, [9; 32]).unwrap();
    assert!(matches!(refused(dir.path()).await, DataDirError::PepperWrong(_)));
    std::fs::remove_file(&pepper).unwrap();
    assert!(matches!(refused(dir.path()).await, DataDirError::PepperMissing(_)));
}

#[tokio::test]
async fn many_openers_of_a_fresh_dir_agree() {
    let dir = tempfile::tempdir().unwrap();
    let openers = (0..6).map(|_| {
        let path = dir.path().to_owned();
        tokio::spawn(async move {
            let dir = tollgate::store::DataDir::create(&path).unwrap();
            bootstrap::open(&dir).await.unwrap().1.fingerprint()
        })
    });
    let mut seen = std::collections::HashSet::new();
    for opener in openers.collect::<Vec<_>>() {
        seen.insert(opener.await.unwrap());
    }
    assert_eq!(seen.len(), 1);
}

async fn refused(dir: &Path) -> DataDirError {
    match bootstrap::start(dir, None).await {
        Err(BootError::DataDir(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
