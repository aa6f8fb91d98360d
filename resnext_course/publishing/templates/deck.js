// Starts reveal.js, and shrinks what is a little too tall: a slide's pictures, then all of it. One
// that is still too tall at the smallest size is its author's to mend.
const PICTURES = [1, 0.85, 0.7];
const ALL = [1, 0.95, 0.9, 0.85, 0.8, 0.75];
const [WIDTH, HEIGHT] = [1280, 720];

function fit(slide) {
  const smallest = PICTURES.at(-1);
  for (const [picture, all] of [...PICTURES.map(p => [p, 1]), ...ALL.map(a => [smallest, a])]) {
    slide.style.setProperty("--picture", picture);
    slide.style.setProperty("--fit", all);
    if (slide.scrollHeight <= HEIGHT && slide.scrollWidth <= WIDTH) return;
  }
}

addEventListener("load", async () => {
  await Reveal.initialize({
    width: WIDTH,
    height: HEIGHT,
    margin: 0,
    center: false,
    hash: true,
    slideNumber: "c/t",
    controlsLayout: "edges",
    transition: "none",
    viewDistance: Infinity, // every slide is laid out, so that every one can be measured
    plugins: [RevealNotes],
  });
  Reveal.getSlides().forEach(fit);
});
