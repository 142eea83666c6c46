/** Why a picture stays as it is: one line for whoever reads the console. */
export class Trouble extends Error {}
