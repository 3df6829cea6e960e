export { default } from "../guide.config.mjs"
