// sharp as its users call it: JOB, a JSON document as `engines.py` writes it. NODE_PATH has sharp.
const path = require("path");
const sharp = require("sharp");

const job = JSON.parse(process.argv[2]);
sharp.concurrency(1);
sharp.cache(false);

function encoded(picture, output) {
  const quality = output.quality;
  switch (output.format) {
    case "jpeg":
      return picture.jpeg(job.mozjpeg ? { quality, mozjpeg: true } : { quality, progressive: true });
    case "webp":
      return picture.webp({ quality });
    case "avif":
      return picture.avif({ quality, effort: job.effort, chromaSubsampling: "4:2:0" });
    default:
      return picture.png();
  }
}

async function main() {
  const [width, height] = job.box;
  const fitted = sharp(job.source, { limitInputPixels: false, sequentialRead: true })
    .rotate()
    .resize({ width, height, fit: "inside", withoutEnlargement: true });
  const file = (output) => path.join(job.target, output.file);
  if (job.outputs.length === 1) {
    await encoded(fitted, job.outputs[0]).toFile(file(job.outputs[0]));
    return;
  }
  // Decode and fit once; one encode after the other, as the one processor would have it anyway.
  const { data, info } = await fitted.raw().toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels };
  for (const output of job.outputs) {
    const picture = sharp(data, { raw });
    const sized = output.width === null ? picture : picture.resize({ width: output.width });
    await encoded(sized, output).toFile(file(output));
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
