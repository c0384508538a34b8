"use strict";
// Loads the page again when the site has changed, but not while a clip plays or a field is edited.
(() => {
  const INTERVAL_MS = 2000;
  let shown = null;
  const isBusy = () =>
    document.hidden ||
    document.activeElement instanceof HTMLInputElement ||
    [...document.querySelectorAll("video, audio")].some((media) => !media.paused);
  const check = async () => {
    let wait = INTERVAL_MS;
    try {
      const response = await fetch("/version");
      if (!response.ok) return; // the server is another one now: its own page must be opened
      const version = await response.text();
      shown ??= version;
      if (version !== shown && !isBusy()) location.reload();
    } catch {
      wait = 10 * INTERVAL_MS; // the command has ended, or the machine slept
    }
    setTimeout(check, wait);
  };
  check();
})();
