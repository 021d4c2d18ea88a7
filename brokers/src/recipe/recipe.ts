import type { BrokerName } from '../broker.ts'
import type { NativeBroker } from '../native/child.ts'

/** All that differs between brokers. The ways to get one know no broker by name. */
export interface Recipe {
  readonly name: BrokerName
  /** The environment variable that names a running one. */
  readonly variable: string
  /** A handshake in the broker's own protocol; resolves with the version, rejects while it is not ready. */
  greet(url: string): Promise<string>
  readonly container: ContainerRecipe
  /** As child processes of this one. */
  native(): Promise<NativeBroker>
}

export interface ContainerRecipe {
  /** The official name. Without a registry, images of our own answer to it, see scripts/images. */
  readonly image: string
  /** Inside the container; where it is absent, the host's port (a broker that tells clients its address). */
  readonly port?: number
  /** True for what talks to others of its kind under the addresses that clients use. Default: false. */
  readonly onHostNetwork?: boolean
  /** How many ports it needs besides, the same inside and on the host. */
  readonly morePorts?: number
  /** Instead of the image's own; gets all ports on the host. */
  command?(ports: readonly number[]): string[]
  environment?(host: string, port: number): Record<string, string>
  readonly files?: readonly { readonly target: string; readonly content: string }[]
  url(host: string, port: number, ...more: number[]): string
}
