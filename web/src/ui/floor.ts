import { useZIndex } from 'element-plus/es/hooks/use-z-index/index.mjs'

/** Whatever floats takes its number from Element Plus's counter, so that the last opened is on top. */
export const nextFloor: () => number = useZIndex().nextZIndex
