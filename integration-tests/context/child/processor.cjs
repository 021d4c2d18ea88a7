// A sandboxed processor gives back what is active here.
module.exports = async () => {
  await import('./sdk.mjs')
  const { inject } = await import('@waybill/core')
  return inject()
}
