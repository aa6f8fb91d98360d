// Starts reveal.js, and shrinks a slide that is a little too tall. One that is still too tall at
// the smallest size is its author's to mend.
const SMALLEST = 75; // percent
const [WIDTH, HEIGHT] = [1280, 720];

function fit(slide) {
  for (let size = 100; size >= SMALLEST; size -= 5) {
    slide.style.setProperty("--fit", size / 100);
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
