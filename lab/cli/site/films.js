// Each film is played where the page has a place for it; until then its last frame shows.
addEventListener("load", () => {
  for (const place of document.querySelectorAll(".film")) {
    const { cast, seconds } = place.dataset;
    AsciinemaPlayer.create(cast, place, { poster: `npt:${+seconds + 1}`, idleTimeLimit: 5, fit: "width", cols: 120, rows: 36 });
  }
});
