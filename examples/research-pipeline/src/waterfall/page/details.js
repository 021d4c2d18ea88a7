// Shows the details of the span under the pointer or the focus; the arrow keys go from span to span, Escape hides.
const card = document.getElementById('card')
let shown

function show(row, x, y) {
  if (shown !== row) {
    hide()
    shown = row
    card.replaceChildren(row.querySelector('template').content.cloneNode(true))
    row.setAttribute('aria-describedby', 'card')
    card.hidden = false
  }
  const { width, height } = card.getBoundingClientRect()
  const left = Math.max(12, Math.min(x + 16, innerWidth - width - 12))
  const below = y + 20
  const top = below + height > innerHeight - 12 ? Math.max(12, y - height - 14) : below
  card.style.left = `${left}px`
  card.style.top = `${top}px`
}

function hide() {
  shown?.removeAttribute('aria-describedby')
  shown = undefined
  card.hidden = true
}

for (const table of document.querySelectorAll('.waterfall')) {
  const rows = [...table.querySelectorAll('tbody tr')]
  table.addEventListener('mousemove', (event) => {
    const row = event.target.closest('tbody tr')
    if (row) show(row, event.clientX, event.clientY)
  })
  table.addEventListener('mouseleave', hide)
  table.addEventListener('focusin', (event) => {
    const row = event.target.closest('tbody tr')
    if (!row) return
    for (const other of rows) other.tabIndex = other === row ? 0 : -1
    // A click focuses, too; then the pointer says where.
    if (!row.matches(':focus-visible')) return
    const place = row.querySelector('.bar').getBoundingClientRect()
    show(row, place.left, place.bottom)
  })
  table.addEventListener('focusout', hide)
  table.addEventListener('keydown', (event) => {
    const at = rows.indexOf(document.activeElement)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key]
    if (at < 0 || to === undefined) return
    event.preventDefault()
    rows[to]?.focus()
  })
}
addEventListener('keydown', (event) => {
  if (event.key === 'Escape') hide()
})
addEventListener('scroll', hide, { passive: true })
