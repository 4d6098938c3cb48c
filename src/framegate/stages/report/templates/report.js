"use strict";
(() => {
  const video = document.querySelector("video");
  const lanes = document.querySelector(".lanes");
  if (!video || !lanes) return;
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
    if (video.preload === "none") video.load();
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
