"use strict";
(() => {
  const video = document.querySelector("video");
  const lanes = document.querySelector(".lanes");
  if (!video || !lanes) return;
  const shown = (id, visible) => {
    const part = document.getElementById(id);
    if (part) part.hidden = !visible;
  };

  // never a dead black box: say why, where there is nothing to play
  const gone = () => {
    video.parentElement.hidden = true;
    shown("gone", true);
  };
  const small = video.querySelector("source");
  small.addEventListener("error", gone); // the last source: nothing else is left to try
  window.addEventListener("load", () => { // it may have failed before this script ran
    if (video.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) gone();
  });
  video.addEventListener("error", gone);
  video.addEventListener("loadedmetadata", () => {
    if (!video.videoWidth) gone(); // sound alone: the picture's format is not played here
    const adaptive = video.currentSrc.endsWith(".m3u8");
    shown("from-disk", !adaptive);
    shown("from-server", adaptive);
  });

  // browsers read a playlist from a server only; where it fails, the preview comes next
  const hls = "application/vnd.apple.mpegurl";
  const load = () => {
    if (video.dataset.hls && location.protocol.startsWith("http") && video.canPlayType(hls)) {
      const stream = document.createElement("source");
      stream.src = video.dataset.hls;
      stream.type = hls;
      video.prepend(stream);
      delete video.dataset.hls;
    }
    video.load(); // loads even where the page asked for no preload: only when someone wants it
  };

  const curtain = document.querySelector(".curtain");
  if (curtain) {
    const lift = () => { curtain.hidden = true; };
    curtain.hidden = false;
    curtain.addEventListener("click", () => {
      lift();
      load();
      video.focus();
      video.play().catch(() => {}); // a video that cannot be played says so by "error"
    });
    video.addEventListener("loadedmetadata", lift); // by a click on the timeline
  } else if (location.protocol.startsWith("http")) {
    load();
  }

  const length = Number(lanes.dataset.duration);
  const heads = lanes.querySelectorAll(".head");
  lanes.classList.add("live");
  const seek = (seconds) => {
    const to = Math.max(0, Math.min(length, seconds));
    if (video.readyState > 0) {
      video.currentTime = to;
      return;
    }
    // load() starts over at 0: the wanted time is set once the length is known
    video.addEventListener("loadedmetadata", () => { video.currentTime = to; }, { once: true });
    if (video.preload === "none") load();
  };
  lanes.addEventListener("click", (event) => {
    const lane = event.target.closest("[data-lane]");
    if (!lane) return;
    const box = lane.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * length);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-t]");
    if (!button) return;
    seek(Number(button.dataset.t));
    document.getElementById("player").scrollIntoView({ block: "nearest" });
  });
  video.addEventListener("timeupdate", () => {
    const x = `${(video.currentTime / length) * 100}%`;
    heads.forEach((head) => { head.setAttribute("x1", x); head.setAttribute("x2", x); });
  });
})();
