// Unpacks the Chromium that @sparticuz/chromium carries, with the libraries it needs, into FOLDER; prints its path.
//
//   node chromium.mjs FOLDER

import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [folder] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
// The package unpacks into the folder for temporary files, and asks for it as late as that.
process.env.TMPDIR = folder
const { inflate } = await import('@sparticuz/chromium')
const packed = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', 'bin')
const names = ['chromium.br', 'al2023.tar.br', 'fonts.tar.br', 'swiftshader.tar.br']
const [program] = await Promise.all(names.map((name) => inflate(join(packed, name))))
console.log(program)
