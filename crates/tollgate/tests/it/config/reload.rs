//! A changed file is taken whole or not at all.

#[cfg(unix)]
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tollgate::config::reload::{Watcher, watch};
use tollgate::config::{Config, Sources};

/// A SIGHUP reaches every watch in this process, so the tests run one after another.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn text(limit: &str) -> String {
    format!("[server]\nbody_limit = {limit}\n")
}

fn start(file: &Path) -> (Watcher, UnboundedReceiver<Arc<Config>>) {
    let sources = Sources { file: Some(file.to_owned()), ..Sources::default() };
    let current = Arc::new(Config::load(&sources).unwrap());
    let (send, receive) = unbounded_channel();
    let watcher = watch(sources, current, move |config| {
        let _ = send.send(config);
    });
    (watcher.unwrap(), receive)
}

async fn next(receive: &mut UnboundedReceiver<Arc<Config>>) -> Arc<Config> {
    let waited = tokio::time::timeout(Duration::from_secs(10), receive.recv()).await;
    waited.unwrap().unwrap()
}

async fn nothing(receive: &mut UnboundedReceiver<Arc<Config>>) {
    let waited = tokio::time::timeout(Duration::from_millis(800), receive.recv()).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_a_good_one_is_taken() {
    let _alone = ALONE.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.toml");
    std::fs::write(&file, text("1")).unwrap();
    let (_watcher, mut receive) = start(&file);

    std::fs::write(&file, text("oops")).unwrap();
    nothing(&mut receive).await;
    std::fs::write(&file, text("2")).unwrap();
    assert_eq!(next(&mut receive).await.server.body_limit, 2);

    // As editors do it: a new file takes the name.
    let new = dir.path().join("new");
    std::fs::write(&new, text("3")).unwrap();
    std::fs::rename(&new, &file).unwrap();
    assert_eq!(next(&mut receive).await.server.body_limit, 3);

    // The same content again, and a neighbour's file: nothing to do.
    std::fs::write(&file, text("3")).unwrap();
    std::fs::write(dir.path().join("other"), "x").unwrap();
    nothing(&mut receive).await;

    std::fs::remove_file(&file).unwrap();
    nothing(&mut receive).await;
    std::fs::write(&file, text("4")).unwrap();
    assert_eq!(next(&mut receive).await.server.body_limit, 4);
}

#[cfg(unix)]
#[tokio::test]
async fn a_turned_link_is_followed() {
    let _alone = ALONE.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for (name, limit) in [("one", "1"), ("two", "2")] {
        std::fs::create_dir(path(name)).unwrap();
        std::fs::write(path(name).join("tollgate.toml"), text(limit)).unwrap();
    }
    // As Kubernetes mounts a config map.
    symlink("one", path("..data")).unwrap();
    symlink("..data/tollgate.toml", path("tollgate.toml")).unwrap();
    let (_watcher, mut receive) = start(&path("tollgate.toml"));
    symlink("two", path("..new")).unwrap();
    std::fs::rename(path("..new"), path("..data")).unwrap();
    assert_eq!(next(&mut receive).await.server.body_limit, 2);
    // And a change where the link leads now.
    std::fs::write(path("two").join("tollgate.toml"), text("3")).unwrap();
    assert_eq!(next(&mut receive).await.server.body_limit, 3);
}

#[tokio::test]
async fn what_needs_a_restart_is_kept() {
    let _alone = ALONE.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.toml");
    std::fs::write(&file, "").unwrap();
    let (_watcher, mut receive) = start(&file);
    let moved = "[server]\nlisten = \"0.0.0.0:1\"\nworkers = 3\nbody_limit = 5\n\
                 [server.tls]\ncert = \"c\"\nkey = \"k\"\n[storage]\ndata_dir = \"elsewhere\"\nbodies = \"all\"";
    std::fs::write(&file, moved).unwrap();
    let config = next(&mut receive).await;
    assert_eq!(config.server.body_limit, 5);
    assert_eq!(config.storage.bodies, tollgate::config::Bodies::All);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.admin_listen, None);
    assert_eq!((config.server.workers, config.server.tls.is_none()), (0, true));
    assert_eq!(config.storage.data_dir.to_str(), Some("./tollgate-data"));
}

#[tokio::test]
async fn loading_again_can_be_asked_for() {
    let _alone = ALONE.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.toml");
    std::fs::write(&file, text("1")).unwrap();
    let (watcher, mut receive) = start(&file);
    watcher.reload();
    assert_eq!(next(&mut receive).await.server.body_limit, 1);
    #[cfg(unix)]
    {
        let id = std::process::id().to_string();
        let sent = std::process::Command::new("kill").args(["-HUP", &id]).status();
        assert!(sent.unwrap().success());
        assert_eq!(next(&mut receive).await.server.body_limit, 1);
    }
}
