// Runs a command in a process group of its own, and ends all of the group when
// the standard input ends: with the test, however that ends.
import { spawn } from "node:child_process"

const [command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { detached: true, stdio: ["ignore", "inherit", "inherit"] })
function signal(name) {
  try {
    process.kill(-child.pid, name)
  } catch {} // it has ended
}
function end() {
  signal("SIGTERM")
  setTimeout(() => signal("SIGKILL"), 5000)
}
process.stdin.resume().on("end", end)
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, end)
child.on("error", (error) => {
  console.error(error)
  process.exit(1)
})
child.on("exit", (code) => {
  signal("SIGKILL") // what it has left behind
  process.exit(code ?? 1)
})
